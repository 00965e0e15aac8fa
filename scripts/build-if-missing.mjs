// Runs as `prepare`, the only script that npm runs for a package installed from Git. In a built checkout it does
// nothing.
import { execSync } from 'node:child_process';
import { existsSync } from 'node:fs';

if (!existsSync('dist/index.js')) execSync('npm run build', { stdio: 'inherit' });
