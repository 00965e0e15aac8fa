import {
  ANTI_CSRF_HEADER,
  AUTH_MODE_HEADER,
  FDI_VERSION_HEADER,
  RID_HEADER,
} from './transport/header-names.js';

/** The request headers that a page on another origin must be allowed to send (`Access-Control-Allow-Headers`). */
export function allCorsHeaders(): string[] {
  return [ANTI_CSRF_HEADER, RID_HEADER, FDI_VERSION_HEADER, 'authorization', AUTH_MODE_HEADER];
}
