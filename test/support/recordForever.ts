/** Records a sample every 100 ms until it is killed; says after each how many there are. */
import { recorderHere } from '../../src-main/recorder/recorder'
import { FAKE_META, fakeSample } from './fakeSample'

const recorder = recorderHere()
await recorder.ask('record', { file: process.argv[2]!, meta: FAKE_META, keep: false })
let i = 0
setInterval(() => {
  recorder.put({ put: 'sample', data: fakeSample(i++, 20) })
  process.stdout.write(`${i}\n`)
}, 100)
