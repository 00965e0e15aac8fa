/**
 * The parts of an OpenAPI 3.0 or 3.1 document that are read and written here. Types of other packages fit, such as
 * those of `@nestjs/swagger`.
 */
export interface OpenApiDocument {
  openapi: string;
  paths: object;
  components?: object;
}

/** A schema, a reference, or another part of a document, as JSON. */
export type Json = Readonly<Record<string, unknown>>;

/** Schemes that are all required, by name. */
export type Requirement = Readonly<Record<string, readonly string[]>>;

/** A response of an operation. */
export interface OpenApiResponse {
  readonly description?: string;
  readonly headers?: Json;
  readonly content?: Json;
}

/** One method of a path. */
export interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly Requirement[];
  readonly parameters?: readonly Json[];
  readonly responses?: Readonly<Record<string, OpenApiResponse>>;
}

/** The operations of a path, by method; other keys hold their common parts. */
export type PathItem = Readonly<Record<string, Operation | undefined>>;

/** The methods that a path can have operations for. */
export const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
