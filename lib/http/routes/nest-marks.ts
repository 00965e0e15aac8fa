// Nest's optional packages register what they know under these names. Nothing is imported from them here.
const GATEWAY = 'websockets:is_gateway';
const GATEWAY_MESSAGE = 'websockets:message_mapping';
const SERVICE_MESSAGE = 'microservices:pattern';
const RESOLVER_TYPE = 'graphql:resolver_type';
const FIELDS = ['graphql:resolve_property', 'graphql:resolve_reference'];

/** The injection token of the options of @nestjs/graphql. */
export const GRAPHQL_OPTIONS = 'GqlModuleOptions';

/** Whether a class is a WebSocket gateway. */
export function isGateway(type: object): boolean {
  return Reflect.hasMetadata(GATEWAY, type);
}

/** Whether a method handles messages of a gateway. */
export function isGatewayMessage(handler: object): boolean {
  return Reflect.hasMetadata(GATEWAY_MESSAGE, handler);
}

/** Whether a method handles messages of a microservice. */
export function isServiceMessage(handler: object): boolean {
  return Reflect.hasMetadata(SERVICE_MESSAGE, handler);
}

/** Whether a method gets gRPC's own call and answers through it, with `@GrpcStreamCall()`. */
export function isStreamCall(handler: object): boolean {
  const patterns = (Reflect.getMetadata(SERVICE_MESSAGE, handler) ?? []) as unknown[];
  return patterns.some(
    (each) => (each as { streaming?: unknown } | null)?.streaming === 'pt_streaming',
  );
}

/** Whether a method resolves a query, mutation, subscription or field. */
export function isResolver(handler: object): boolean {
  return Reflect.hasMetadata(RESOLVER_TYPE, handler) || isField(handler);
}

/** Whether a method resolves a field of a type, or a reference to one. */
export function isField(handler: object): boolean {
  return FIELDS.some((key) => Reflect.hasMetadata(key, handler));
}

/** Whether a method resolves a subscription. */
export function isSubscription(handler: object): boolean {
  return Reflect.getMetadata(RESOLVER_TYPE, handler) === 'Subscription';
}
