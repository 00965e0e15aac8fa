import type { TestProject } from 'vitest/node';
import { endGaleraCluster, startGaleraCluster } from '../support/galera-cluster.js';
import type { ClusterPlace } from '../support/galera-node.js';

declare module 'vitest' {
  export interface ProvidedContext {
    cluster: ClusterPlace;
  }
}

/** Starts the cluster before the first file. @returns what ends it after the last */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const place = await startGaleraCluster();
  provide('cluster', place);
  return () => endGaleraCluster(place);
}
