-- The limits an exchange starts with; operators change them. Amounts are round figures near 5, 5,000, 10,000 and 500 US dollars.
INSERT INTO stripe_terms (currency, methods, least, most, day_most, new_day_most, reserve_bps, elevated_reserve_bps, reserve_days)
SELECT t.code, t.methods::text[], 5 * t.unit, 5000 * t.unit, 10000 * t.unit, 500 * t.unit, 0, 5000, 7
  FROM (VALUES
    ('USD', '{CARD,ALIPAY,WECHAT_PAY,STABLECOIN}', 1), ('EUR', '{CARD,ALIPAY,WECHAT_PAY}', 1), ('GBP', '{CARD,ALIPAY,WECHAT_PAY}', 1),
    ('CNY', '{CARD,ALIPAY,WECHAT_PAY}', 7), ('HKD', '{CARD,ALIPAY,WECHAT_PAY}', 8), ('JPY', '{CARD,ALIPAY,WECHAT_PAY}', 150),
    ('SGD', '{CARD,ALIPAY,WECHAT_PAY}', 1), ('AUD', '{CARD,ALIPAY,WECHAT_PAY}', 2), ('CAD', '{CARD,ALIPAY,WECHAT_PAY}', 1),
    ('CHF', '{CARD,WECHAT_PAY}', 1), ('SEK', '{CARD,WECHAT_PAY}', 10), ('NOK', '{CARD,WECHAT_PAY}', 10), ('DKK', '{CARD,WECHAT_PAY}', 7),
    ('NZD', '{CARD,ALIPAY}', 2), ('MYR', '{CARD,ALIPAY}', 4), ('AED', '{CARD}', 4), ('BRL', '{CARD}', 5), ('MXN', '{CARD}', 20),
    ('PLN', '{CARD}', 4), ('CZK', '{CARD}', 20), ('HUF', '{CARD}', 400), ('RON', '{CARD}', 5), ('THB', '{CARD}', 35), ('KRW', '{CARD}', 1400),
    ('INR', '{CARD}', 90), ('IDR', '{CARD}', 16000), ('PHP', '{CARD}', 60), ('VND', '{CARD}', 25000), ('TWD', '{CARD}', 32), ('ZAR', '{CARD}', 18),
    ('ISK', '{CARD}', 130), ('ILS', '{CARD}', 4), ('TRY', '{CARD}', 40), ('SAR', '{CARD}', 4), ('KWD', '{CARD}', 1), ('BHD', '{CARD}', 1)
  ) AS t(code, methods, unit)
  JOIN currency c ON c.code = t.code
ON CONFLICT DO NOTHING;
