/** The workload: programs, scenarios, and the doors for a user's actions. */
export { load_scenario, open_programs } from './scenario'
export { as_init, set_program_params, spawn_program } from './control'
export { PROGRAM_INFOS, PROGRAMS } from './registry'
