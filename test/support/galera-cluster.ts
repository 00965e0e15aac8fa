import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SpreadDatabase } from './fleet.js';
import { GaleraNode, requireGalera, type ClusterPlace } from './galera-node.js';

const NODES = 3;
// Below the range that outgoing connections are given ports of.
const LOWEST_PORT = 20_000;
const PORTS = 10_000;

/** Starts three nodes in a new folder, the first of which makes the cluster. */
export async function startGaleraCluster(): Promise<ClusterPlace> {
  await requireGalera();
  const folder = await mkdtemp(join(tmpdir(), 'auth-sessions-galera-'));
  const free = (await freePorts(4 * NODES)).values();
  const next = (): number => free.next().value ?? 0;
  const ports = Array.from({ length: NODES }, () => ({
    sql: next(),
    group: next(),
    increments: next(),
    snapshot: next(),
  }));
  const place: ClusterPlace = { folder, ports };
  const nodes = galeraNodes(place);
  try {
    for (const [index, node] of nodes.entries()) await node.create(index === 0);
    const [first, ...others] = nodes;
    await first?.start({ isFirst: true });
    await Promise.all(others.map((node) => node.start()));
    return place;
  } catch (error) {
    await endGaleraCluster(place);
    throw error;
  }
}

export async function endGaleraCluster(place: ClusterPlace): Promise<void> {
  await Promise.all(galeraNodes(place).map((node) => node.kill()));
  await rm(place.folder, { recursive: true, force: true });
}

export function galeraNodes(place: ClusterPlace): GaleraNode[] {
  return place.ports.map((_, index) => new GaleraNode(place, index));
}

/**
 * Creates a database that all nodes have, with a user who may do nothing but use it. The instances of a fleet go round
 * the nodes.
 */
export async function createClusterDatabase(nodes: readonly GaleraNode[]): Promise<SpreadDatabase> {
  const [first] = nodes;
  if (first === undefined) throw new Error('no node');
  const name = `auth_sessions_${randomBytes(8).toString('hex')}`;
  await first.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
  await first.query(`CREATE USER ${name}@'127.0.0.1'`);
  await first.query(`GRANT ALL ON ${name}.* TO ${name}@'127.0.0.1'`);
  await Promise.all(nodes.map((node) => node.catchUp()));
  const optionsAt = (index: number) => {
    const url = (nodes[index % nodes.length] ?? first).url(name, name);
    return { type: 'mariadb', url } as const;
  };
  return {
    options: optionsAt(0),
    optionsAt,
    drop: async () => {
      await first.query(`DROP DATABASE ${name}`);
      await first.query(`DROP USER ${name}@'127.0.0.1'`);
    },
  };
}

async function freePorts(count: number): Promise<number[]> {
  const found: number[] = [];
  let port = LOWEST_PORT + (process.pid % PORTS);
  while (found.length < count) {
    port = port + 1 < LOWEST_PORT + PORTS ? port + 1 : LOWEST_PORT;
    if (await isFree(port)) found.push(port);
  }
  return found;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
