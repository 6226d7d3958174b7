/**
 * `BERTH_TEST_EFFORT=all`, as `npm run test:nightly` sets it: a search tries every case. Without it, each run tries some cases that chance
 * picks anew.
 */
export const triesAll = process.env.BERTH_TEST_EFFORT === 'all'
