import { describe, expect, test } from 'vitest';
import { mostLayers, overlayOptions } from '../../../../src/engines/docker/overlay.js';

const stack = {
  mountpoint: '/var/lib/docker/volumes/s/_data',
  lowers: ['empty', 'l/one/tree', 'l/two/tree'],
  box: 'b/box',
  kernel: '6.1.0-18-amd64',
  userMarks: false,
};

describe('what the daemon mounts as a workspace', () => {
  test('names the highest layer first, as overlays want it', () => {
    const at = stack.mountpoint;
    expect(overlayOptions(stack)).toContain(
      `,lowerdir=${at}/l/two/tree:${at}/l/one/tree:${at}/empty,upperdir=${at}/b/box/upper,`,
    );
  });

  test('is volatile only where the kernel knows that', () => {
    const options = (kernel: string): readonly string[] => overlayOptions({ ...stack, kernel }).split(',');
    for (const kernel of ['5.10.0', '6.1.0-18-amd64']) expect(options(kernel)).toContain('volatile');
    for (const kernel of ['5.4.0', '4.19.0', 'unknown']) expect(options(kernel)).not.toContain('volatile');
  });

  test('keeps its marks where a daemon without root may write them', () => {
    expect(overlayOptions(stack)).toMatch(/,redirect_dir=on,/);
    const options = overlayOptions({ ...stack, userMarks: true });
    expect(options).toMatch(/,userxattr,/);
    expect(options).not.toContain('redirect_dir');
  });

  test.each([',', ':', '\\'])('can’t be where the daemon’s folder has a %s in its name', (character) => {
    const mountpoint = `/data${character}1`;
    expect(() => overlayOptions({ ...stack, mountpoint })).toThrow(/move it/);
  });

  test.each([20, 60, 200, 1000])(
    'fits into a page with as many layers as are promised, at a path of %d bytes',
    (length) => {
      const mountpoint = `/${'m'.repeat(length - 1)}`;
      const lowers = Array.from({ length: mostLayers(mountpoint) }, () => 'l/123456789012/tree');
      const box = `b/${'i'.repeat(128)}`;
      if (lowers.length > 2)
        expect(() => overlayOptions({ ...stack, mountpoint, lowers, box })).not.toThrow();
      const many = Array.from({ length: 300 }, () => 'l/123456789012/tree');
      expect(() => overlayOptions({ ...stack, mountpoint, lowers: many, box })).toThrow(/fewer set-up steps/);
    },
  );
});
