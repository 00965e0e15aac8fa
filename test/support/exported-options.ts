/** Options as the exports of a module. */
export const issuer = 'https://accounts.example.com';
export const persistent = false;
