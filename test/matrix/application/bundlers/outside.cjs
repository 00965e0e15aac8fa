const { join } = require('node:path');

// TypeORM 1 loads its driver by a name that a bundler can't see.
const ALWAYS_OUTSIDE = ['typeorm', 'sql.js', 'pg', 'mysql2'];

/**
 * Whether a package stays outside of the bundle. With `ours` inside, the others that are installed go in; what is not
 * installed stays a `require` that nothing reaches.
 */
module.exports = function isOutside(name, ours) {
  if (/^[./]/.test(name)) return false;
  if (ours === 'outside' || ALWAYS_OUTSIDE.includes(name)) return true;
  try {
    require.resolve(name, { paths: [join(__dirname, '..')] });
    return false;
  } catch {
    return true;
  }
};
