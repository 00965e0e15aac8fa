import { createPrivateKey, createPublicKey } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify, type JWTPayload } from 'jose';
import type { DataSource } from 'typeorm';
import { SessionSigningKey } from '../../lib/index.js';

/** What a front token says. */
export interface FrontToken {
  uid: string;
  ate: number;
  up: Record<string, unknown>;
}

/**
 * Verifies an access token by a library that is not ours, with the public half of the key in the database that the token
 * names; the key is stored in clear.
 *
 * @throws {Error} when the signature, the type or the time is not right
 */
export async function verifyByKeyRow(
  dataSource: DataSource,
  token: string,
  nowMs: number,
): Promise<JWTPayload> {
  const { kid = '' } = decodeProtectedHeader(token);
  const row = await dataSource.getRepository(SessionSigningKey).findOneByOrFail({ kid });
  const der = Buffer.from(row.material, 'base64');
  const publicKey = createPublicKey(createPrivateKey({ key: der, type: 'pkcs8', format: 'der' }));
  const { payload } = await jwtVerify(token, publicKey, {
    algorithms: [row.algorithm],
    typ: 'at+jwt',
    currentDate: new Date(nowMs),
  });
  return payload;
}

/** Reads a front token as SuperTokens' browser SDK does: `atob`, UTF-8, JSON. */
export function readFrontToken(frontToken: unknown): FrontToken {
  const bytes = Uint8Array.from(atob(String(frontToken)), (each) => each.codePointAt(0) ?? 0);
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as FrontToken;
}

/** Every value in every table, as text. */
export async function dump(dataSource: DataSource): Promise<string> {
  const rows = await Promise.all(
    dataSource.entityMetadatas.map((entity) =>
      dataSource.query<unknown[]>(`SELECT * FROM ${dataSource.driver.escape(entity.tableName)}`),
    ),
  );
  return JSON.stringify(rows);
}
