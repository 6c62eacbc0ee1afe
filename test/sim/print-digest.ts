import { simulate } from '../../sim/simulate.ts';
import { tinyScenario } from './tiny-scenario.ts';

console.log(simulate(tinyScenario()).world.digest());
