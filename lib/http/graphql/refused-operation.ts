/** The selections of an operation at one level, as `graphql` parses it. */
interface SelectionSet {
  readonly selections: readonly Selection[];
}

interface Selection {
  readonly kind: string;
  readonly name?: { readonly value: string };
  readonly alias?: { readonly value: string };
  readonly selectionSet?: SelectionSet;
}

/** The place of a resolver in an operation: the part of GraphQL's `info` that is read. */
export interface ResolverPlace {
  readonly operation: {
    readonly operation: string;
    readonly selectionSet: SelectionSet;
    readonly loc?: { readonly source: { readonly body: string } } | undefined;
  };
  readonly fragments: Readonly<Record<string, { readonly selectionSet: SelectionSet }>>;
  readonly path: { readonly key: string | number; readonly prev: object | undefined };
  readonly returnType: unknown;
}

/** The fields of one operation that were refused because the session is missing or no longer good. */
export class RefusedOperation {
  // Keyed by their names in the answer. The value tells if the field's type allows no null, so that all data becomes
  // null.
  private readonly rootFields = new Map<string, boolean>();
  private mayRefreshHelp = false;

  constructor(private readonly place: Pick<ResolverPlace, 'operation' | 'fragments'>) {}

  add({ path, returnType }: ResolverPlace, mayRefreshHelp: boolean): void {
    this.mayRefreshHelp ||= mayRefreshHelp;
    if (path.prev === undefined) this.rootFields.set(String(path.key), isNonNull(returnType));
  }

  /** The text of the document that has it; `undefined` if the server does not keep it. */
  get text(): string | undefined {
    return this.place.operation.loc?.source.body;
  }

  /**
   * Whether a refresh would answer the rest. A mutation that has done anything is not sent again, because that would do
   * it twice.
   */
  get isHelpedByRefresh(): boolean {
    return this.place.operation.operation === 'query' && this.mayRefreshHelp;
  }

  /** Whether no part of it was answered. */
  get hasNoData(): boolean {
    // A query runs all its fields. A mutation runs one after the other, until one of them leaves the whole answer
    // without data.
    const fields = this.namesIn(this.place.operation.selectionSet);
    const open = fields.findIndex((name) => !this.rootFields.has(name));
    if (open < 0) return fields.length > 0;
    const asked = this.place.operation.operation === 'query' ? fields : fields.slice(0, open);
    return asked.some((name) => this.rootFields.get(name) === true);
  }

  // GraphQL runs a fragment once, at its first place, however often an operation names it. Anybody may send one whose
  // fragments name each other thousands of times, or in a chain of thousands.
  private namesIn(operation: SelectionSet): string[] {
    const names: string[] = [];
    const seen = new Set<string>();
    const open: Selection[] = [];
    const enter = (set: SelectionSet | undefined) => {
      for (const each of (set?.selections ?? []).toReversed()) open.push(each);
    };
    enter(operation);
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { kind, name, alias, selectionSet } = next;
      const key = name?.value ?? '';
      if (kind === 'Field') names.push(alias?.value ?? key);
      else if (selectionSet !== undefined) enter(selectionSet);
      else if (!seen.has(key)) {
        seen.add(key);
        enter(this.place.fragments[key]?.selectionSet);
      }
    }
    return names;
  }
}

// GraphQL writes such types with this mark at the end.
function isNonNull(type: unknown): boolean {
  return String(type).endsWith('!');
}
