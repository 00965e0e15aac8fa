// Runs before a release: only package.json names the repository, and npm, README and the code read it from there.
import { readFileSync } from 'node:fs';

const { repository } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
);

if (repository.url.includes('/OWNER/')) {
  console.error('Set `repository.url` in package.json, and run npm run exports.');
  process.exitCode = 1;
}
