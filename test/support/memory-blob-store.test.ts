import t from 'tap'
import { memoryBlobStore } from './memory-blob-store.ts'
import { blobStoreContract } from '../contracts/blob-store.ts'

const store = memoryBlobStore()

blobStoreContract(t, 'the memory adapter', () => store)
