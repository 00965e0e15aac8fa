import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

const STARTS_WITHIN_MS = 60_000;

/** An application in a process of its own, as its own `main` starts it. */
export class RunningApplication {
  private printed = '';

  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.printed += chunk.toString()));
    }
  }

  /** @throws {Error} with all that it printed, where it does not answer */
  static async start(
    folder: string,
    program: string,
    env: NodeJS.ProcessEnv,
  ): Promise<RunningApplication> {
    const port = await freePort();
    const child = spawn('node', ['--enable-source-maps', program], {
      cwd: folder,
      env: { ...env, PORT: String(port) },
    });
    const application = new RunningApplication(child, `http://127.0.0.1:${port}`);
    try {
      await application.answers();
    } catch (error) {
      await application.stop();
      throw error;
    }
    return application;
  }

  get output(): string {
    return this.printed;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
  }

  private async answers(): Promise<void> {
    const signal = AbortSignal.timeout(STARTS_WITHIN_MS);
    while (this.child.exitCode === null && !signal.aborted) {
      const answer = await fetch(`${this.url}/runtime`, { signal }).catch(() => undefined);
      if (answer?.ok === true) return;
      await wait(50);
    }
    throw new Error(`The application did not start:\n${this.printed}`);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
