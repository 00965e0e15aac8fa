/** The result of a route's checks with this session at hand, or without one. */
interface Shared {
  readonly session: object | undefined;
  readonly outcome: Promise<void>;
}

/**
 * Verifications that the fields of one request share. They begin at the same moment, as often as the query names them:
 * a thousand aliases of a field must ask the database once. A refusal stays in force for the request, unless a login or
 * a sign-out among its fields has changed the session.
 */
export class SharedVerifications {
  private readonly byRequest = new WeakMap<object, Map<object, Shared>>();

  share(
    request: object,
    route: object,
    session: object | undefined,
    verify: () => Promise<void> | undefined,
  ): Promise<void> {
    let shared = this.byRequest.get(request);
    if (shared === undefined) this.byRequest.set(request, (shared = new Map<object, Shared>()));
    const known = shared.get(route);
    if (known !== undefined && known.session === session) return known.outcome;
    const outcome = new Promise<void>((resolve) => {
      resolve(verify());
    });
    shared.set(route, { session, outcome });
    return outcome.then(() => void shared.delete(route));
  }
}
