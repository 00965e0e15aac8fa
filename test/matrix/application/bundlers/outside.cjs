const { join } = require('node:path');

const DRIVERS = ['sql.js', 'pg', 'mysql2'];
const USERS_OF_OPTIONAL_PACKAGES = ['', 'node_modules/typeorm'].map((path) =>
  join(__dirname, '..', path),
);

/**
 * Whether a package stays outside of the bundle. With `ours` inside, all that is installed goes in, but for drivers; what is
 * not installed stays a `require` that nothing reaches.
 */
module.exports = function isOutside(name, ours) {
  if (/^[./]/.test(name)) return false;
  if (ours === 'outside' || DRIVERS.includes(name)) return true;
  try {
    require.resolve(name, { paths: USERS_OF_OPTIONAL_PACKAGES });
    return false;
  } catch {
    return true;
  }
};
