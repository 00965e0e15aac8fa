import { DeviceChallenges } from './device-challenges.js';
import { DeviceProver } from './device-prover.js';
import { DeviceRegistrar } from './device-registrar.js';

/** The providers that bind sessions to devices and ask devices for proofs. */
export const BINDING_PROVIDERS = [DeviceChallenges, DeviceProver, DeviceRegistrar];
