// docs/errors.md, made from the comments of proto/codeset/v1/error_reason.proto.

const CODES = new Set([
  'INVALID_ARGUMENT',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'FAILED_PRECONDITION',
  'RESOURCE_EXHAUSTED',
  'OUT_OF_RANGE',
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'INTERNAL',
  'ABORTED',
]);

const HEAD = `# Errors

Every error of the service has a gRPC code, a sentence that says what to do, and a reason for programs, in \`google.rpc.ErrorInfo\` with the domain \`codeset\`. Fields that are wrong come as \`google.rpc.BadRequest\`, a violation for each; when trying again makes sense, \`google.rpc.RetryInfo\` says after how long, and without it trying the same again does not help. The client libraries make classes of the codes, with the reason as a property.

- A message that is too large, a call that does not exist, and a deadline beyond 24.8 days are refused by the gRPC library before the service sees them: a code and a sentence, without a reason.
- A call that broke off (UNAVAILABLE without a reason) may have been done. Those that make something take an id of the client's choice (\`request_id\`, \`exec_id\`): sent again with it, they happen once.
- How a command ended is no error: its exit code, signal or reason is in its result. How a verification ended is none either.

`;

/** @param proto the text of the file that declares the reasons */
export function errorsPage(proto: string): string {
  const rows: string[] = [];
  let comment: string[] = [];
  for (const line of proto.slice(proto.indexOf('enum ErrorReason')).split('\n')) {
    const said = /^\s*\/\/ ?(.*)$/.exec(line);
    if (said !== null) {
      comment.push(said[1] ?? '');
      continue;
    }
    const value = /^\s*ERROR_REASON_(\w+) = (\d+);/.exec(line);
    if (value !== null && value[2] !== '0') rows.push(rowOf(value[1] ?? '', comment.join(' ')));
    comment = [];
  }
  return `${HEAD}| reason | code | |\n|---|---|---|\n${rows.join('\n')}\n`;
}

/** @throws Error for a comment that does not begin with its codes */
function rowOf(reason: string, comment: string): string {
  const at = comment.indexOf(':');
  const codes = comment.slice(0, at).split(/, | or /);
  if (at < 0 || !codes.every((code) => CODES.has(code)))
    throw new Error(`The comment of ${reason} has to begin with its gRPC code and a colon.`);
  const text = comment.slice(at + 1).trim();
  return `| \`${reason}\` | ${codes.join(', ')} | ${text.slice(0, 1).toUpperCase()}${text.slice(1).replaceAll('|', String.raw`\|`)} |`;
}
