/** The address of the documents. `npm run exports` derives it from `repository` in package.json. */
export const DOCUMENTATION = 'https://github.com/OWNER/nestjs-auth-sessions/blob/main/docs';
