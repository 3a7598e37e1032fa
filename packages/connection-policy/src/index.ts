export { keepalive, type KeepaliveOptions, type KeepalivePreset } from './keepalive.js';
export { idleClose, type IdleCloseOptions } from './idle-close.js';
export { maxAge, type MaxAgeOptions } from './max-age.js';
