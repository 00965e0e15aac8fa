import { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Clock } from 'nestjs-auth-sessions';
import { actingAs, FakeClock, SessionTestingModule } from 'nestjs-auth-sessions/testing';
import { adapter } from '../src/adapter.js';
import { AppModule } from '../src/app.module.js';

describe('the sessions of this application', () => {
  const clock = new FakeClock();
  let app: INestApplication;
  let url: string;

  beforeAll(async () => {
    const testing = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(Clock)
      .useValue(clock)
      .compile();
    app = testing.createNestApplication(adapter());
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });

  afterAll(() => app.close());

  it('need a refresh once the access token has expired', async () => {
    const login = await fetch(`${url}/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'st-auth-mode': 'header' },
      body: JSON.stringify({ userId: 'ada' }),
    });
    expect(login.status).toBe(201);
    const authorization = `Bearer ${login.headers.get('st-access-token')}`;

    const before = await fetch(`${url}/me`, { headers: { authorization } });
    expect(await before.json()).toEqual({ userId: 'ada' });
    clock.advanceMs(2 * 60 * 60 * 1000);
    const after = await fetch(`${url}/me`, { headers: { authorization } });
    expect(await after.json()).toMatchObject({ message: 'try refresh token' });
  });

  it('stand in a database of a test as well', async () => {
    const sessions = SessionTestingModule.forRoot({}, 'sqljs');
    const testing = await Test.createTestingModule({ imports: [sessions] }).compile();
    await testing.init();
    const ada = await actingAs(testing, 'ada', { roles: ['admin'] });
    await ada.refresh();
    expect(ada.userId).toBe('ada');
    await testing.close();
  });
});
