// Who may import whom, and what may not be named where, is law here; test/tidy proves that it is enforced.
import tseslint from 'typescript-eslint';

/** What is not deterministic, or differs between engines, cannot be named in a step or in the world's loop. */
const UNDETERMINED_GLOBALS = [
  'Date',
  'Promise',
  'Intl',
  'process',
  'performance',
  'console',
  'fetch',
  'crypto',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'structuredClone',
  'WeakRef',
  'globalThis',
  'eval',
  'Function',
  'FinalizationRegistry',
].map((name) => ({ name, message: 'not deterministic: ask the driver for it' }));

const INEXACT_MATH = [
  'random',
  'sin',
  'cos',
  'tan',
  'asin',
  'acos',
  'atan',
  'atan2',
  'sinh',
  'cosh',
  'tanh',
  'asinh',
  'acosh',
  'atanh',
  'exp',
  'expm1',
  'log',
  'log2',
  'log10',
  'log1p',
  'pow',
  'sqrt',
  'cbrt',
  'hypot',
].map((property) => ({
  object: 'Math',
  property,
  message: 'random, or its last bit differs between engines',
}));

const UNDETERMINED_SYNTAX = [
  {
    selector: 'ForInStatement',
    message: 'the order of keys is not ours: use a list or Object.keys of a literal',
  },
  { selector: 'ImportExpression', message: 'a step ends before anything else happens: no async' },
  { selector: 'AwaitExpression', message: 'a step ends before anything else happens: no async' },
  { selector: ':function[async=true]', message: 'a step ends before anything else happens: no async' },
  {
    selector: 'CallExpression[callee.property.name=/^(sort|toSorted)$/][arguments.length=0]',
    message: 'sort with a comparator: the default order is that of texts',
  },
  {
    selector:
      'CallExpression[callee.property.name=/^(localeCompare|toLocaleString|toLocaleUpperCase|toLocaleLowerCase)$/]',
    message: 'the locale is not ours',
  },
  { selector: "BinaryExpression[operator='**']:not([left.type='Literal'])", message: 'Math.pow in disguise' },
];

const determined = {
  'no-restricted-globals': ['error', ...UNDETERMINED_GLOBALS],
  'no-restricted-properties': ['error', ...INEXACT_MATH],
  'no-restricted-syntax': ['error', ...UNDETERMINED_SYNTAX],
};

/** Forbids imports that match a pattern, with the reason. */
function noImports(...patterns) {
  return { 'no-restricted-imports': ['error', { patterns }] };
}

const notFrom = (folders, message) => ({ regex: `^(\\.\\./)+(${folders})/`, message });
const noPackages = { regex: '^[^.]', message: 'only files of this folder and what DESIGN allows' };

export default tseslint.config(
  { ignores: ['dist/', 'runs/', 'coverage/', 'node_modules/', 'test/tidy/bad/'] },
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-expressions': 'off',
      eqeqeq: 'error',
      'max-lines': ['error', { max: 450, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['core/**/*.ts'],
    rules: {
      ...determined,
      ...noImports(noPackages, notFrom('sim|live|viz|cli|test|bench', 'core imports core only')),
    },
  },
  {
    files: ['sim/**/*.ts'],
    ignores: [
      'sim/files.ts',
      'sim/cluster-discovery.ts',
      'sim/conform/**',
      'sim/model-sync.ts',
      'sim/scenario/**',
      'sim/pool*.ts',
      'sim/nemesis.ts',
      'sim/nemesis/**',
      'sim/property.ts',
      'sim/shrink.ts',
    ],
    rules: {
      ...determined,
      ...noImports(
        {
          regex: '^(?!\\.|seedrandom$|graphology)',
          message: 'the world imports core, seedrandom and graphology',
        },
        notFrom('live|viz|cli|test|bench', 'the world imports core'),
      ),
    },
  },
  {
    files: [
      'sim/files.ts',
      'sim/cluster-discovery.ts',
      'sim/conform/**/*.ts',
      'sim/model-sync.ts',
      'sim/scenario/**/*.ts',
      'sim/pool*.ts',
      'sim/nemesis.ts',
      'sim/nemesis/**/*.ts',
      'sim/property.ts',
      'sim/shrink.ts',
    ],
    rules: noImports(notFrom('live|viz|cli|test|bench', 'the world imports core')),
  },
  {
    // A judge that called the code it judges would make the same mistakes.
    files: ['sim/invariants/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: 'core/(?!machine/kinds\\.ts$)',
              allowTypeImports: true,
              message: 'invariants import the types of the core and its table of kinds',
            },
            {
              regex: '^\\.\\./(?!\\.\\./|lineage\\.ts$|tally\\.ts$|clocks\\.ts$)',
              allowTypeImports: true,
              message: 'invariants judge by what the world knows, and call nothing of it',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['live/**/*.ts'],
    rules: noImports(notFrom('cli|test|bench', 'live imports core, sim and the window’s contracts'), {
      regex: '^\\./portability/',
      message: 'a node knows nothing of archives: who carries them calls it',
    }),
  },
  {
    files: ['live/portability/**/*.ts'],
    rules: noImports(
      notFrom('sim|viz|cli|test|bench', 'archives of pods import core, and of a node who signs'),
      {
        regex: '^\\.\\./(?!\\.\\./|(identity|json-shape|pod-owner|gateway-calls)\\.ts$)',
        message:
          'an archive is signed and said as JSON as a node does it, and an owner’s client carries it: no more of a node',
      },
    ),
  },
  {
    files: ['viz/**/*.ts'],
    rules: noImports(
      notFrom('core|live|cli|test|bench', 'the window reads frames, never the core’s insides'),
    ),
  },
  { files: ['**/*.test.ts'], rules: { 'max-lines': 'off' } },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
  },
);
