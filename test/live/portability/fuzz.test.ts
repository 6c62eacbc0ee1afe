import { expect } from 'chai';
import fc from 'fast-check';
import { readArchive, writeArchive } from '../../../live/portability/archive.ts';
import { ArchiveFault } from '../../../live/portability/fault.ts';
import { FORM_NAMES, FORMS } from '../../../live/portability/forms.ts';
import { treeOfContent } from '../../../live/portability/pod-content.ts';
import { iriOfPath } from '../../../live/portability/resource-path.ts';
import { Owners, podOfAnn } from './some-pods.ts';

const RUNS = 400;

/** Read, or refused with a reason; anything else is thrown. */
async function isRead(reading: Promise<unknown>): Promise<boolean> {
  try {
    await reading;
    return true;
  } catch (error) {
    if (!(error instanceof ArchiveFault)) throw error;
    expect(error.message).to.match(/\S: \S/);
    return false;
  }
}

describe('whatever comes, it is read or refused with a reason', function () {
  this.timeout(120_000);
  const owners = new Owners();
  const stray: unknown[] = [];
  const note = (reason: unknown): void => void stray.push(reason);
  before(() => process.on('unhandledRejection', note));
  after(() => {
    process.off('unhandledRejection', note);
    owners.close();
    expect(stray, 'nobody has looked at it').to.deep.equal([]);
  });

  const pieces = fc.constantFrom(
    ...['<', '>', '"', '{', '}', '[', ']', ' ', '.', ',', ':', '@', '\\', '\n', '_:', '"@id"', '"@context"'],
    ...[
      '"@graph"',
      'null',
      '1',
      '\u0000',
      '\ud800',
      '^^',
      '#',
      '@prefix',
      '@base',
      'a',
      '{"@id":1}',
      '"@list"',
    ],
    ...['"@reverse"', '"@type"', '"@value"', '<<', '>>', '@en', '"""', '%', '(', ')', ';', 'GRAPH', '<x:y>'],
  );
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat(3), pieces), { minLength: 1, maxLength: 4 });
  const jsonLd = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.stringify(value));
  const keys = fc.constantFrom(
    ...[
      '@context',
      '@id',
      '@type',
      '@value',
      '@list',
      '@set',
      '@graph',
      '@reverse',
      '@language',
      '@base',
      '@vocab',
    ],
    ...[
      '@included',
      '@nest',
      '@index',
      '@json',
      '@none',
      '@container',
      '@import',
      'x:a',
      'b',
      'x:b/c',
      '_:n',
      '',
    ],
  );
  const { tree: jsonTrees } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      keys,
      fc.constantFrom(null, true, 1, 1.5, 'http://x/y'),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(keys, tie('tree'), { maxKeys: 4 }),
    ),
  }));

  for (const form of FORM_NAMES)
    it(`R6.2-3: a file in ${form} in which something was changed`, async () => {
      const { resources } = await podOfAnn();
      const texts = await Promise.all(
        resources.flatMap((resource) =>
          resource.kind === 'graph'
            ? [
                (async () => [
                  resource.path,
                  await FORMS[form].write(resource.canonical, iriOfPath(resource.path)),
                ])(),
              ]
            : [],
        ),
      );
      let read = 0;
      await fc.assert(
        fc.asyncProperty(fc.nat(), edits, async (which, changes) => {
          const [path, text] = texts[which % texts.length]! as [string, string];
          const changed = changes.reduce((now, [at, cut, put]) => {
            const place = at % (now.length + 1);
            return now.slice(0, place) + put + now.slice(place + cut);
          }, text);
          if (await isRead(FORMS[form].read(changed, iriOfPath(path), path))) read++;
        }),
        { seed: 605, numRuns: RUNS },
      );
      expect(read, 'some stay what can be read').to.be.above(0);
    });

  it('R6.2-3: any JSON as JSON-LD', async () => {
    const texts = fc.oneof(
      jsonLd,
      jsonTrees.map((value) => JSON.stringify(value)),
    );
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        await isRead(FORMS['json-ld'].read(text, iriOfPath('a'), 'a'));
      }),
      { seed: 606, numRuns: 2 * RUNS },
    );
  });

  it('R6.2-3: an archive and a content with bytes replaced, and any bytes', async () => {
    const ann = owners.of('ann');
    const archive = await writeArchive(owners.archive(ann, await podOfAnn()), ann, owners.ids);
    const spots = fc.array(fc.tuple(fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 8 })), {
      maxLength: 3,
    });
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      spots.map((changes) => {
        const bytes = Uint8Array.from(archive);
        for (const [at, put] of changes) bytes.set(put, at % (bytes.length - 8));
        return bytes;
      }),
    );
    await fc.assert(
      fc.asyncProperty(anything, async (bytes) => {
        await isRead(readArchive(bytes, owners.ids));
        await isRead(treeOfContent(bytes));
      }),
      { seed: 607, numRuns: RUNS },
    );
  });
});
