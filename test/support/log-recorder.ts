import type { INestApplication, LoggerService } from '@nestjs/common';

/** Keeps what an application logs, in place of its logger. */
export class LogRecorder implements LoggerService {
  readonly lines: { level: string; text: string; context: string }[] = [];

  readonly log = this.recorderOf('log');
  readonly warn = this.recorderOf('warn');
  readonly error = this.recorderOf('error');
  readonly debug = this.recorderOf('debug');
  readonly fatal = this.recorderOf('fatal');

  /** For `bootApp({ prepare })`. */
  readonly record = (app: INestApplication): void => app.useLogger(this);

  /** What the module itself said, at one level. */
  texts(level: 'debug' | 'log' | 'warn' | 'error'): string[] {
    return this.lines
      .filter((line) => line.level === level && line.context === 'SessionModule')
      .map((line) => line.text);
  }

  clear(): void {
    this.lines.length = 0;
  }

  private recorderOf(level: string): (message: unknown, ...rest: unknown[]) => void {
    return (message, ...rest) => {
      const text = message instanceof Error ? (message.stack ?? message.message) : String(message);
      this.lines.push({ level, text, context: String(rest.at(-1)) });
    };
  }
}
