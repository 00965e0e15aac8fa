import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { SessionModuleOptions } from '../../lib/index.js';
import type { TestDatabaseOptions } from './databases.js';

const SCRIPT = join(import.meta.dirname, 'session-process.mjs');

export interface ProcessSettings {
  database: TestDatabaseOptions;
  sessions?: SessionModuleOptions;
  /** Where its clock stands still; without it the clock is the real one. */
  nowMs?: number;
  /** By how much its machine's clock is wrong, where that is the real one. */
  skewMs?: number;
}

/** The tokens of a login. */
export interface LoginTokens {
  accessToken: string;
  refreshToken: string;
  handle: string;
}

/** What can be called in the process. */
export interface ProcessFunctions {
  logIn(userId: string): LoginTokens;
  isAccepted(accessToken: string): boolean;
  acceptAndTerminate(accessToken: string): void;
  revoke(handle: string): boolean;
  revokeAndDie(how: 'revoke' | 'revokeAll' | 'revokeTenant' | 'revokeEverything', of: string): void;
  handlesOf(userId: string): string[];
  prune(): number;
  kids(): string[];
  revokeKey(kid: string): boolean;
  events(): string[];
  advance(milliseconds: number): void;
  now(): number;
  jump(milliseconds: number): void;
  revokeAll(userId: string): string[];
  revokeTenant(tenantId: string): number;
  revokeEverything(): number;
  dieAfterRotations(count: number): void;
  close(): void;
}

type Message = { url?: string; id?: number; result?: unknown; error?: string };

/** One instance of an application in a process of its own, which runs the built package. */
export class SessionProcess {
  private readonly calls = new Map<number, (message: Message) => void>();
  private lastId = 0;

  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {
    child.on('message', (message: Message) => {
      if (message.id === undefined) return;
      this.calls.get(message.id)?.(message);
      this.calls.delete(message.id);
    });
  }

  static async start(settings: ProcessSettings): Promise<SessionProcess> {
    const child = fork(SCRIPT, [JSON.stringify(settings)], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const url = await new Promise<string>((resolve, reject) => {
      child.once('message', (message: Message) => resolve(message.url ?? ''));
      child.once('exit', (code) =>
        reject(new Error(`ended with ${code} before it listened:\n${output}`)),
      );
    });
    return new SessionProcess(child, url);
  }

  async call<Name extends keyof ProcessFunctions>(
    name: Name,
    ...parameters: Parameters<ProcessFunctions[Name]>
  ): Promise<ReturnType<ProcessFunctions[Name]>> {
    const id = (this.lastId += 1);
    const answered = new Promise<Message>((resolve) => this.calls.set(id, resolve));
    this.child.send({ id, name, parameters });
    const { result, error } = await answered;
    if (error !== undefined) throw new Error(error);
    return result as ReturnType<ProcessFunctions[Name]>;
  }

  /** Closes the application in the process. @returns the exit code, once the process has ended by itself */
  async close(): Promise<number | null> {
    const exited = this.exited();
    this.child.send({ id: 0, name: 'close', parameters: [] });
    await exited;
    return this.child.exitCode;
  }

  /** Settles when the process has ended, however that came. @returns the signal that ended it, if one did */
  async exited(): Promise<NodeJS.Signals | null> {
    if (this.isRunning) await once(this.child, 'exit');
    return this.child.signalCode;
  }

  async kill(): Promise<void> {
    if (this.isRunning) this.child.kill('SIGKILL');
    await this.exited();
  }

  private get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }
}
