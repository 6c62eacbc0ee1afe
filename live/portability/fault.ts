/** What is wrong with an archive, a tree or a file of one, and where: the human's mistake or a stranger's, never ours. */
export class ArchiveFault extends Error {
  override readonly name = 'ArchiveFault';
  /** The file in the archive, the path of the resource or the field of the manifest. */
  readonly where: string;

  constructor(where: string, message: string) {
    super(`${where}: ${message}`);
    this.where = where;
  }
}
