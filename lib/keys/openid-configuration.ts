import { BUILT_IN_ROUTES } from '../options/built-in-routes.js';
import { placeOfIssuer } from '../options/verification-options.js';
import type { SigningAlgorithm } from '../tokens/jwt.js';

/** The answer of `GET .well-known/openid-configuration`. @publicApi */
export interface OpenIdConfiguration {
  issuer: string;
  jwks_uri: string;
  subject_types_supported: string[];
  id_token_signing_alg_values_supported: SigningAlgorithm[];
  response_types_supported: string[];
}

/**
 * Tells verifiers where the keys are. It names no endpoints of an OAuth 2 provider, because there is none.
 *
 * @see OpenID Connect Discovery 1.0 §3
 */
export function openIdConfiguration(
  issuer: string,
  algorithm: SigningAlgorithm,
): OpenIdConfiguration {
  return {
    issuer,
    jwks_uri: `${placeOfIssuer(issuer)}/${BUILT_IN_ROUTES.jwks}`,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [algorithm],
    response_types_supported: ['code', 'id_token', 'id_token token'],
  };
}
