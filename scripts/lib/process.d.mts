/** The path of a program on PATH or in the folders of root's programs, or undefined. */
export function which(program: string): string | undefined;

/** Whether a program can be started with these arguments and ends well. */
export function works(program: string, args: readonly string[]): boolean;
