// @nestjs/graphql registers resolvers, and the fields of a type (including references), under these names. Nothing is
// imported from it here.
const RESOLVER_TYPE = 'graphql:resolver_type';
const FIELD_METADATA = ['graphql:resolve_property', 'graphql:resolve_reference'];

/** Whether a method resolves a query, mutation, subscription or field. */
export function isResolver(handler: object): boolean {
  return Reflect.hasMetadata(RESOLVER_TYPE, handler) || isField(handler);
}

/** Whether a method resolves a field of a type. */
export function isField(handler: object): boolean {
  return FIELD_METADATA.some((key) => Reflect.hasMetadata(key, handler));
}

/** Whether a method resolves a subscription. */
export function isSubscription(handler: object): boolean {
  return Reflect.getMetadata(RESOLVER_TYPE, handler) === 'Subscription';
}
