/**
 * What an archive may be at most. Whoever reads one holds the archive, once more while it is compared with what would be written, and
 * the tree; of the resource that is being read also its triples.
 */

export const MAX_ARCHIVE_BYTES = 64 * 1024 * 1024;
/** Of one resource as it lies in an archive, and of its canonical text: a short prefix can stand for a long IRI many times. */
export const MAX_RESOURCE_BYTES = 16 * 1024 * 1024;
export const MAX_RESOURCES = 4_096;
export const MAX_CONTAINERS = 4_096;
export const MAX_TRIPLES_OF_RESOURCE = 100_000;
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** Characters. */
export const MAX_IRI = 2_048;
export const MAX_PATH = 512;
export const MAX_PATH_SEGMENTS = 32;
/** Objects and lists within one another, in JSON. */
export const MAX_JSON_DEPTH = 64;
/**
 * Blank nodes that look alike are told apart by trying out orders, of which a graph made for it has more than anybody waits for
 * (“poison graphs”, RDF Dataset Canonicalization, section 7.1). So often one may be looked at more closely, and once more for each triple.
 */
export const MAX_CLOSER_LOOKS = 20_000;
