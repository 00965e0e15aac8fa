import { SessionInputException } from '../../errors/session-input.exception.js';
import { asciiJson } from '../../store/ascii-json.js';
import { kindOf } from '../../options/option-checks.js';
import { RESERVED_CLAIMS, withoutReservedClaims } from '../../tokens/reserved-claims.js';
import { isSessionHandle } from '../../tokens/session-handle.js';
import { toJsonObject, type JsonObject } from './json-object.js';

const MAX_USER_ID_LENGTH = 255;
const MAX_TENANT_ID_LENGTH = 128;
// A TEXT column of MariaDB holds 65,535 bytes.
const MAX_JSON_BYTES = 60_000;
// Databases refuse U+0000 and lone surrogates in text, and control characters have no place in an id.
const UNSTORABLE = /[\p{Cc}\p{Surrogate}]/u;

/** @throws {SessionInputException} */
export function checkUserId(value: unknown): string {
  return checkId('userId', value, MAX_USER_ID_LENGTH);
}

/** @throws {SessionInputException} */
export function checkTenantId(value: unknown): string {
  return checkId('tenantId', value, MAX_TENANT_ID_LENGTH);
}

/** @throws {SessionInputException} */
export function checkRevoker(value: unknown): string {
  return checkId('by', value, MAX_USER_ID_LENGTH);
}

/** @throws {SessionInputException} */
export function checkReason(value: unknown): string {
  return checkId('reason', value, MAX_USER_ID_LENGTH);
}

/** A handle in our own form. Anything else is the handle of no session, and never reaches a statement. */
export function readHandle(value: unknown): string | undefined {
  return isSessionHandle(value) ? value : undefined;
}

/**
 * @throws {SessionInputException} also if a name is reserved: the application must not set claims that the server
 * vouches for
 */
export function checkAccessTokenPayload(value: unknown): JsonObject {
  const payload = toJsonObject('accessTokenPayload', value ?? {});
  const reserved = Object.keys(payload).find((name) => RESERVED_CLAIMS.has(name));
  if (reserved !== undefined) {
    throw new SessionInputException('accessTokenPayload', `sets the reserved claim ${reserved}`);
  }
  return checkSize('accessTokenPayload', payload);
}

/**
 * The update to merge into a payload, in which `null` deletes a claim. Deleting a reserved claim changes nothing.
 *
 * @throws {SessionInputException}
 */
export function checkPayloadUpdate(value: unknown): JsonObject {
  const update = toJsonObject('accessTokenPayloadUpdate', value);
  const names = Object.keys(update).filter((name) => RESERVED_CLAIMS.has(name));
  const reserved = names.find((name) => update[name] !== null);
  if (reserved !== undefined) {
    throw new SessionInputException(
      'accessTokenPayloadUpdate',
      `sets the reserved claim ${reserved}`,
    );
  }
  return withoutReservedClaims(update);
}

/** @throws {SessionInputException} */
export function checkSessionData(value: unknown): JsonObject {
  return checkSize('sessionDataInDatabase', toJsonObject('sessionDataInDatabase', value));
}

/** The data that replaces a session's; `null` empties it. @throws {SessionInputException} */
export function checkReplacingData(value: unknown): JsonObject {
  return checkSessionData(value === null ? {} : value);
}

function checkId(argument: string, value: unknown, maxLength: number): string {
  if (typeof value !== 'string') {
    throw new SessionInputException(argument, `must be a string, not ${kindOf(value)}`);
  }
  if (value === '' || value.length > maxLength) {
    throw new SessionInputException(
      argument,
      `must have 1 to ${maxLength} characters, not ${value.length}`,
    );
  }
  if (UNSTORABLE.test(value)) {
    throw new SessionInputException(argument, 'must not have control characters');
  }
  return value;
}

function checkSize(argument: string, value: JsonObject): JsonObject {
  // In its stored form.
  const bytes = asciiJson(value).length;
  if (bytes <= MAX_JSON_BYTES) return value;
  throw new SessionInputException(argument, `has ${bytes} bytes; at most ${MAX_JSON_BYTES}`);
}
