import type { Kind } from '../../../src/cheats/cheat.js';
import { EXIT_CODE } from './exit-code.js';
import { GO } from './go.js';
import type { Ground } from './ground.js';
import { NODE } from './node.js';
import { OUTSIDE } from './outside.js';
import { PYTEST } from './pytest.js';

export const GROUNDS: Readonly<Record<Kind, Ground>> = {
  'exit-code': EXIT_CODE,
  pytest: PYTEST,
  node: NODE,
  go: GO,
  outside: OUTSIDE,
};
