const { join } = require('node:path');
const webpack = require('webpack');
const isOutside = require('./outside.cjs');

const [ours] = process.argv.slice(2);

const configuration = {
  mode: 'production',
  optimization: { minimize: false },
  target: 'node',
  entry: './dist/main.js',
  output: { path: join(__dirname, '../bundle'), filename: 'main.cjs' },
  // @nestjs/terminus has a `require` of whatever its folder holds.
  plugins: [new webpack.IgnorePlugin({ resourceRegExp: /\.(map|d\.ts)$/ })],
  externals: ({ request }, done) =>
    isOutside(request, ours) ? done(null, `commonjs ${request}`) : done(),
};

webpack(configuration, (error, stats) => {
  if (!error && !stats.hasErrors()) return;
  process.stderr.write(String(error ?? stats.toString()));
  process.exitCode = 1;
});
