export const TEST_IMAGE: string;
export function canMakeTestImage(): boolean;
export function testImageMade(): boolean;
export function testImageArchive(): Promise<string>;
