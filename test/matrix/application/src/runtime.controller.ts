import { Controller, Get } from '@nestjs/common';
import { DataSource } from 'typeorm';

/** What this application runs on. */
@Controller('runtime')
export class RuntimeController {
  constructor(private readonly dataSource: DataSource) {}

  @Get()
  show(): { node: string; module: string; database: string } {
    return {
      node: process.versions.node,
      module: typeof module === 'object' ? 'commonjs' : 'esm',
      database: this.dataSource.options.type,
    };
  }
}
