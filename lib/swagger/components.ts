import { isDeepStrictEqual } from 'node:util';
import type { Json, OpenApiDocument } from './openapi.js';
import { SESSION_SCHEMAS, type SchemaName } from './session-schemas.js';

type Section = 'schemas' | 'securitySchemes' | 'headers';

/**
 * The components of a document, extended with those that are used. The application's own components stay as they are.
 */
export class Components {
  private readonly sections: Readonly<Record<Section, Record<string, unknown>>>;
  private readonly hasNullTypes: boolean;

  constructor(private readonly document: OpenApiDocument) {
    const written = (document.components ?? {}) as Partial<Record<Section, object>>;
    this.hasNullTypes = !document.openapi.startsWith('3.0');
    this.sections = {
      schemas: { ...written.schemas },
      securitySchemes: { ...written.securitySchemes },
      headers: { ...written.headers },
    };
  }

  /** A reference to one of our schemas. */
  schema(name: SchemaName): Json {
    const schema = SESSION_SCHEMAS[name]({
      schema: (other) => this.schema(other),
      nullable: (type) => (this.hasNullTypes ? { type: [type, 'null'] } : { type, nullable: true }),
    });
    return { $ref: `#/components/schemas/${this.add('schemas', name, schema)}` };
  }

  header(name: string, header: Json): Json {
    return { $ref: `#/components/headers/${this.add('headers', name, header)}` };
  }

  /** @returns the scheme's name, for the requirements of operations */
  securityScheme(name: string, scheme: Json): string {
    return this.add('securitySchemes', name, scheme);
  }

  /** The document's scheme of this name. */
  securitySchemeNamed(name: string): Json {
    return (this.sections.securitySchemes[name] ?? {}) as Json;
  }

  toJSON(): object {
    const added = Object.entries(this.sections).filter(
      ([, entries]) => Object.keys(entries).length > 0,
    );
    return { ...this.document.components, ...Object.fromEntries(added) };
  }

  private add(section: Section, name: string, part: Json): string {
    const parts = this.sections[section];
    let free = name;
    for (let number = 2; free in parts && !isDeepStrictEqual(parts[free], part); number += 1) {
      free = `${name}${number}`;
    }
    parts[free] = part;
    return free;
  }
}
