import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ClientProxyFactory, Transport } from '@nestjs/microservices';
import { firstValueFrom, timeout } from 'rxjs';
import type { SessionVerifierOptions } from '../../lib/verifier/index.js';

const SCRIPT = join(import.meta.dirname, 'verifier-process.mjs');

export interface VerifierProcessSettings {
  platform: 'express' | 'fastify' | 'tcp';
  options: SessionVerifierOptions;
  /** By how much its machine's clock is wrong. */
  skewMs?: number;
  /** For TCP, where no port is chosen by itself. */
  port?: number;
}

/** A service without a database in a process of its own, which runs the built package. */
export class VerifierProcess {
  private constructor(
    private readonly child: ChildProcess,
    private readonly settings: VerifierProcessSettings,
    private readonly url: string,
  ) {}

  static async start(settings: VerifierProcessSettings): Promise<VerifierProcess> {
    const child = fork(SCRIPT, [JSON.stringify(settings)], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    let output = '';
    child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const url = await new Promise<string>((resolve, reject) => {
      child.once('message', (message: { url: string }) => resolve(message.url));
      child.once('exit', (code) => reject(new Error(`ended with ${code}:\n${output}`)));
    });
    return new VerifierProcess(child, settings, url);
  }

  /** What a request with this token is answered: an HTTP status. */
  async statusFor(token: string): Promise<number> {
    if (this.settings.platform === 'tcp') return this.statusOfMessage(token);
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${this.url}/me`, { headers });
    await answer.text();
    return answer.status;
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }

  private async statusOfMessage(token: string): Promise<number> {
    const { port = 0 } = this.settings;
    const client = ClientProxyFactory.create({
      transport: Transport.TCP,
      options: { host: '127.0.0.1', port },
    });
    try {
      await firstValueFrom(client.send('me', { token }).pipe(timeout(5_000)));
      return 200;
    } catch (error) {
      return (error as { statusCode?: number }).statusCode ?? 500;
    } finally {
      await client.close();
    }
  }
}
