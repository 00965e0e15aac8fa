export { SessionMetrics } from './session-metrics.js';
