import { expect } from 'chai';
import { FORM_NAMES, FORMS } from '../../../live/portability/forms.ts';
import { rebase } from '../../../live/portability/rebase.ts';
import { iriOfPath, POD_ROOT } from '../../../live/portability/resource-path.ts';

const MIB = 1024 * 1024;

describe('archives at their bounds', function () {
  this.timeout(120_000);
  /** Text with so much in it that has to be escaped that a regular expression, which recurs, would run out of stack. */
  const longText = '"a\\\n'.repeat(MIB / 2);

  for (const form of FORM_NAMES)
    it(`R6.2-3: a literal of many megabytes goes through ${form}`, async () => {
      const path = 'memory/long';
      const iri = iriOfPath(path);
      const literal = JSON.stringify(longText);
      const canonical = await FORMS['n-quads'].read(`<${iri}> <${iri}#a> ${literal} .`, iri, path);
      const text = await FORMS[form].write(canonical, iri);
      expect((await FORMS[form].read(text, iri, path)) === canonical).to.equal(true);
    });

  it('R6.2-3: IRIs are moved, and what only looks like one is not', () => {
    const line = `<${POD_ROOT}a> <${POD_ROOT}b> "<${POD_ROOT}c> \\"<${POD_ROOT}"^^<${POD_ROOT}d> .\n`;
    const moved = `<http://s/a> <http://s/b> "<${POD_ROOT}c> \\"<${POD_ROOT}"^^<http://s/d> .\n`;
    expect(rebase(line, POD_ROOT, 'http://s/')).to.equal(moved);
    expect(rebase(moved, 'http://s/', POD_ROOT)).to.equal(line);
    expect(rebase(`<x:a> <x:b> <${POD_ROOT}> .`, POD_ROOT, 'http://s/')).to.equal(
      '<x:a> <x:b> <http://s/> .',
    );
  });
});
