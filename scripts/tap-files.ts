// Runs test files side by side, each in a process of its own, and prints the TAP of all of them. `tap run` would load
// two loaders into each, for mocks and coverage that are not used here: half a second of CPU time each.
import t from 'tap'

const SIDE_BY_SIDE = 4
/** For a test that hangs: a slow machine takes minutes for what takes seconds on a quiet one. */
const PATIENCE_S = 900

t.jobs = SIDE_BY_SIDE
// Each file has a timeout; all of them together have none.
t.setTimeout(0)
const env = { ...process.env, TAP_TIMEOUT: String(PATIENCE_S) }
for (const file of process.argv.slice(2))
  void t.spawn(process.execPath, [file], { buffered: true, timeout: PATIENCE_S * 1000, env }, file)
