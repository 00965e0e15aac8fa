import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';

const PATHS = ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/usr/bin/nginx'];
const STARTS_WITHIN_MS = 10_000;

/** The executable to start; `undefined` where there is none. `TEST_NGINX` names another one. */
export function findNginx(): string | undefined {
  const wanted = process.env['TEST_NGINX'];
  return (wanted === undefined ? PATHS : [wanted]).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** A real nginx in front of an application, as a process of the test's own. */
export class Nginx {
  private constructor(
    readonly url: string,
    private readonly process: ChildProcess,
    private readonly folder: string,
  ) {}

  /**
   * @param target where the application listens
   * @param lines what its manual has beside `proxy_pass`, such as `proxy_set_header Host $http_host;`
   * @param ofServer what stands beside the location
   * @param ofHttp what stands beside the server
   */
  static async inFrontOf(
    target: string,
    lines: readonly string[] = [],
    ofServer: readonly string[] = [],
    ofHttp: readonly string[] = [],
  ): Promise<Nginx> {
    const executable = findNginx();
    if (executable === undefined) throw new Error('nginx is not installed');
    const folder = mkdtempSync(join(tmpdir(), 'nginx-'));
    const port = await freePort();
    const configuration = join(folder, 'nginx.conf');
    writeFileSync(configuration, configurationOf(folder, port, target, lines, ofServer, ofHttp));
    const child = spawn(executable, ['-p', folder, '-c', configuration, '-g', 'daemon off;'], {
      stdio: 'ignore',
    });
    const nginx = new Nginx(`http://127.0.0.1:${port}`, child, folder);
    const endsAt = performance.now() + STARTS_WITHIN_MS;
    while (!(await answers(port))) {
      if (performance.now() > endsAt || child.exitCode !== null) {
        await nginx.stop();
        throw new Error('nginx did not start');
      }
      await pause(20);
    }
    return nginx;
  }

  async stop(): Promise<void> {
    if (this.process.exitCode === null) {
      const ended = once(this.process, 'exit');
      this.process.kill('SIGTERM');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function configurationOf(
  folder: string,
  port: number,
  target: string,
  lines: readonly string[],
  ofServer: readonly string[],
  ofHttp: readonly string[],
): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `  ${kind}_temp_path ${folder}/${kind};`,
  );
  return [
    `pid ${folder}/nginx.pid;`,
    `error_log ${folder}/error.log;`,
    'events {}',
    'http {',
    '  access_log off;',
    ...temporary,
    ...ofHttp.map((line) => `  ${line}`),
    '  server {',
    `    listen 127.0.0.1:${port};`,
    ...ofServer.map((line) => `    ${line}`),
    '    location / {',
    `      proxy_pass ${target};`,
    ...lines.map((line) => `      ${line}`),
    '    }',
    '  }',
    '}',
    '',
  ].join('\n');
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
