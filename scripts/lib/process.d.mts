/** The path of a program on PATH or in the folders of root's programs, or undefined. */
export function which(program: string): string | undefined;
