import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { writeOnceDurably } from '../../live/durable-file.ts';
import { underLock } from '../../live/file-lock.ts';
import { makeFolder, removeFolder } from './pilot.ts';

describe('a file that several processes change', () => {
  const folder = makeFolder();
  const lock = join(folder, 'book.lock');
  after(() => removeFolder(folder));

  it('is locked while it is changed, and free afterwards, however that ends', () => {
    underLock(lock, () => expect(readFileSync(lock, 'utf8')).to.match(new RegExp(`^${process.pid} `)));
    expect(() =>
      underLock(lock, () => {
        throw new Error('half-way');
      }),
    ).to.throw('half-way');
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it('is not held up by who died while changing it, or has stopped', () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    writeFileSync(lock, `${pid} dead`);
    expect(underLock(lock, () => 'done')).to.equal('done');
    writeFileSync(lock, `${process.ppid} stopped`);
    utimesSync(lock, new Date(), new Date(Date.now() - 60_000));
    expect(underLock(lock, () => 'done')).to.equal('done');
    expect(existsSync(lock)).to.equal(false);
  });

  it('is written once by whoever is first', () => {
    const path = join(folder, 'key');
    expect([writeOnceDurably(path, 'first'), writeOnceDurably(path, 'second')]).to.deep.equal([true, false]);
    expect(readFileSync(path, 'utf8')).to.equal('first');
    expect(readdirSync(folder)).to.deep.equal(['key']);
  });
});
