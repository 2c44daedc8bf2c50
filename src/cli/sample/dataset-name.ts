import { basename } from 'node:path';

/** The dataset that a file or folder is named after: `SWE-bench_Lite.jsonl` → `swe-bench_lite`. @param fallback where nothing of the name fits */
export function datasetOf(file: string, fallback: string): string {
  const name = basename(file)
    .replace(/\.(?:jsonl?|parquet)$/i, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 128);
  return name === '' ? fallback : name;
}
