import { ACCESS_COOKIE, REFRESH_COOKIE } from '../scene.js';
import type { Lines, Target } from './wire-request.js';
import type { Material } from './bad-tokens.js';

type Placing = (target: Target, material: Material) => Lines | undefined;

/** Ways to send a good access token that must not be accepted; `undefined` where a target takes it like this. */
export const misplacedAccessTokens: Readonly<Record<string, Placing>> = {
  'as a cookie where headers are taken': ({ transfer }, { holder }) =>
    transfer === 'header' ? [['Cookie', `${ACCESS_COOKIE}=${holder.access}`]] : undefined,
  'as a header where cookies are taken': ({ transfer }, { holder }) =>
    transfer === 'cookie' ? [['Authorization', `Bearer ${holder.access}`]] : undefined,
  'without a scheme': (_, { holder }) => [['Authorization', holder.access]],
  'by another scheme': (_, { holder }) => [['Authorization', `Basic ${holder.access}`]],
  'in a list': (_, { holder }) => [['Authorization', `Bearer x, Bearer ${holder.access}`]],
  'after another': (_, { holder }) => [
    ['Authorization', 'Bearer x'],
    ['Authorization', `Bearer ${holder.access}`],
  ],
  'after a no-break space': (_, { holder }) => [['Authorization', `Bearer\u00a0${holder.access}`]],
  'by the header that brings it': (_, { holder }) => [['st-access-token', holder.access]],
  'as the refresh token': (_, { holder }) => [['Cookie', `${REFRESH_COOKIE}=${holder.access}`]],
  'in the name of a cookie': (_, { holder }) => [['Cookie', `${holder.access}=${ACCESS_COOKIE}`]],
};

export const TWO_SESSIONS = 'twice, from two sessions';

/** The same for a good refresh token. */
export const misplacedRefreshTokens: Readonly<Record<string, Placing>> = {
  'as a cookie where headers are taken': ({ transfer }, { holder }) =>
    transfer === 'header' ? [['Cookie', `${REFRESH_COOKIE}=${holder.refresh}`]] : undefined,
  'as a header where cookies are taken': ({ transfer }, { holder }) =>
    transfer === 'cookie' ? [['Authorization', `Bearer ${holder.refresh}`]] : undefined,
  'by another scheme': (_, { holder }) => [['Authorization', `Basic ${holder.refresh}`]],
  'by the header that brings it': (_, { holder }) => [['st-refresh-token', holder.refresh]],
  [TWO_SESSIONS]: (_, { holder, other }) => [
    ['Cookie', `${REFRESH_COOKIE}=${other.refresh}; ${REFRESH_COOKIE}=${holder.refresh}`],
  ],
  'without its prefix': (_, { holder }) => [['Cookie', `sRefreshToken=${holder.refresh}`]],
  'in quotes': (_, { holder }) => [['Cookie', `${REFRESH_COOKIE}="${holder.refresh}"`]],
};
