import { isDeepStrictEqual } from 'node:util';
import type { Components } from './components.js';
import type { Json, OpenApiResponse, Operation, Requirement } from './openapi.js';
import type { SchemaName } from './session-schemas.js';

const RETRY_AFTER = {
  description: 'Seconds until the client may ask again.',
  schema: { type: 'integer' },
};

interface Refusal {
  readonly when: string;
  readonly schema?: 'SessionError' | 'InvalidClaims';
  readonly retryAfter?: boolean;
}

/** The surroundings of an operation. */
interface DraftSurroundings {
  readonly components: Components;
  /** The document's requirements on operations without their own. */
  readonly inherited: readonly Requirement[];
  /** All possible names of session cookies. */
  readonly cookieNames: ReadonlySet<string>;
  /** Nest's status of a successful answer. */
  readonly successStatus: number;
}

/** A growing description of an operation. The application's own parts stay. */
export class OperationDraft {
  private readonly refusals = new Map<number, Refusal[]>();
  private readonly parameters: Json[] = [];
  private readonly successHeaders: Record<string, Json> = {};
  private schemes: readonly string[] = [];
  private isOptional = false;
  private success: { readonly description: string; readonly schema: Json } | undefined;
  private changes: Partial<Operation> = {};

  private readonly components: Components;

  constructor(
    private readonly operation: Operation,
    private readonly surroundings: DraftSurroundings,
  ) {
    this.components = surroundings.components;
  }

  /** @param schemes any one of them is enough */
  requires(schemes: readonly string[], isOptional: boolean): void {
    this.schemes = schemes;
    this.isOptional = isOptional;
  }

  refuses(status: number, refusal: Refusal): void {
    this.refusals.set(status, [...(this.refusals.get(status) ?? []), refusal]);
  }

  takesHeader(name: string, description: string): void {
    const schema = { type: 'string' };
    this.parameters.push({ name, in: 'header', required: false, description, schema });
  }

  /** An optional parameter of the query. */
  takes(name: string, description: string, schema: Json): void {
    this.parameters.push({ name, in: 'query', required: false, description, schema });
  }

  answersWithHeader(name: string, description: string): void {
    const header = { description, schema: { type: 'string' } };
    this.successHeaders[name] = this.components.header(`session.${name}`, header);
  }

  answers(description: string, schema: SchemaName | Json): void {
    const known = typeof schema === 'string' ? this.components.schema(schema) : schema;
    this.success = { description, schema: known };
  }

  changesTo(changes: Partial<Operation>): void {
    this.changes = { ...this.changes, ...changes };
  }

  finished(): Operation {
    const { operation } = this;
    const security =
      this.schemes.length === 0 ? {} : { security: this.securityBeside(operation.security) };
    return {
      ...operation,
      ...this.changes,
      ...security,
      parameters: this.parametersBeside(operation.parameters ?? []),
      responses: this.responsesBeside(operation.responses ?? {}),
    };
  }

  // An operation's other requirements, such as an API key, apply in addition. The application's own description of the
  // session is one more alternative.
  private securityBeside(own: readonly Requirement[] = this.surroundings.inherited): Requirement[] {
    const ours: Requirement[] = this.schemes.map((name) => ({ [name]: [] }));
    if (this.isOptional) ours.push({});
    const all = own.flatMap((requirement) => {
      const others = Object.entries(requirement).filter(([name]) => !this.isOfSession(name));
      if (others.length === 0) return [requirement];
      return ours.map((each) => ({ ...Object.fromEntries(others), ...each }));
    });
    const hasOthers = all.some((each) => Object.keys(each).some((name) => !this.isOfSession(name)));
    return unique(hasOthers ? all : [...all, ...ours]);
  }

  private isOfSession(name: string): boolean {
    const { type, scheme, in: place, name: cookie } = this.components.securitySchemeNamed(name);
    if (type === 'http') return String(scheme).toLowerCase() === 'bearer';
    return place === 'cookie' && this.surroundings.cookieNames.has(String(cookie));
  }

  private parametersBeside(own: readonly Json[]): readonly Json[] {
    const isThere = ({ name, in: place }: Json): boolean =>
      own.some((each) => each['in'] === place && each['name'] === name);
    return [...own, ...this.parameters.filter((each) => !isThere(each))];
  }

  private responsesBeside(
    own: Readonly<Record<string, OpenApiResponse>>,
  ): Record<string, OpenApiResponse> {
    const responses = { ...own };
    // Nest omits it if a handler declares its own response, such as a 401.
    const status =
      Object.keys(responses).find((each) => each.startsWith('2')) ??
      (Object.keys(responses).some((each) => /^([123]|default$)/.test(each))
        ? undefined
        : String(this.surroundings.successStatus));
    if (status !== undefined) responses[status] = this.successBeside(responses[status]);
    for (const [refused, refusals] of this.refusals) {
      const ours = this.refusalOf(refusals);
      const { description = '', ...written } = responses[refused] ?? {};
      responses[refused] = {
        ...ours,
        ...written,
        description: description === '' ? (ours.description ?? '') : description,
      };
    }
    return responses;
  }

  private successBeside(own: OpenApiResponse = {}): OpenApiResponse {
    const { description = '', headers, ...written } = own;
    const content = this.success === undefined ? {} : { content: asJson(this.success.schema) };
    const all = { ...this.successHeaders, ...headers };
    return {
      ...content,
      ...written,
      ...(Object.keys(all).length === 0 ? {} : { headers: all }),
      description: description === '' ? (this.success?.description ?? '') : description,
    };
  }

  private refusalOf(refusals: readonly Refusal[]): OpenApiResponse {
    const hasClaims = refusals.some(({ schema }) => schema === 'InvalidClaims');
    const headers = refusals.some(({ retryAfter }) => retryAfter)
      ? { headers: { 'Retry-After': this.components.header('session.Retry-After', RETRY_AFTER) } }
      : {};
    return {
      description: [...new Set(refusals.map(({ when }) => when))].join(' '),
      ...headers,
      content: asJson(this.components.schema(hasClaims ? 'InvalidClaims' : 'SessionError')),
    };
  }
}

function asJson(schema: Json): Json {
  return { 'application/json': { schema } };
}

function unique(requirements: readonly Requirement[]): Requirement[] {
  return requirements.filter(
    (each, index) => requirements.findIndex((other) => isDeepStrictEqual(other, each)) === index,
  );
}
