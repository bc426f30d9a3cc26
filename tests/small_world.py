"""A small world of four companies that passes every check, for tests to spoil."""

from __future__ import annotations

from pathlib import Path

COMPANIES = """id,name,layer,roles,country,ticker,listed,mag7,rating,notes,evidence,source_id
nvidia,NVIDIA,silicon,chip_designer,US,NVDA,true,true,AA-,,page,s_filing
cloudy,Cloudy Compute,platform,neocloud,US,CLDY,true,false,,,page,s_news
labcorp,Lab Corporation,ai,lab,GB,,false,false,,,memory,s_news
labtwo,Lab Two,ai,lab,,,false,false,,,memory,s_news
"""
FINANCIALS = """company_id,period,period_end,metric,value,unit,basis,evidence,source_id,note
nvidia,FY2025,2025-10-26,revenue,187.1,usd_bn,derived,derived,s_filing,sum of quarters
nvidia,FY2025,2025-10-26,total_debt,8.5,usd_bn,reported,page,s_filing,
cloudy,FY2024,2024-12-31,revenue,2,usd_bn,reported,page,s_news,
cloudy,2025Q1,2025-03-31,revenue,1,usd_bn,reported,page,s_filing,
cloudy,2025Q2,2025-06-30,revenue,1.5,usd_bn,reported,page,s_filing,
cloudy,2025Q3,2025-09-30,revenue,2,usd_bn,reported,memory,s_filing,from memory; verify
cloudy,2025Q4,2025-12-31,revenue,2.5,usd_bn,reported,page,s_filing,
cloudy,FY2025,2025-12-31,total_debt,4,usd_bn,estimate,page,s_news,
cloudy,2025Q4,2025-12-31,total_debt,4.5,usd_bn,reported,page,s_news,
labcorp,FY2025,2025-12-31,employees,900,count,estimate,memory,s_news,
"""
CONTRACTS = """id,kind,provider_id,receiver_id,amount_usd_bn,annual_usd_bn,share,quantity,quantity_unit,\
announced,start,end,binding,status,confidence,evidence,source_id,note,included_in
gpus,supply,nvidia,cloudy,10,,0.2,,,2025-01-15,2025-01-01,2025-12-31,firm,active,high,page,s_filing,,
gpus_part,supply,nvidia,cloudy,3,,,,,2025-03-01,,,firm,active,high,page,s_filing,,gpus
rent,compute,cloudy,labcorp,6,2,,,,,,,conditional,signed,low,memory,s_news,,
later,equity,nvidia,labcorp,1,,0.01,,,2026-01-10,,,firm,completed,high,page,s_press,,
talks,loan,cloudy,labtwo,5,,,,,2025-05-05,,,intent,proposed,low,page,s_news,,
line,loan,nvidia,cloudy,1,,,,,2025-06-01,,,firm,undrawn,high,page,s_filing,,
"""
SITES = """id,name,owner_id,operator_id,tenant_id,country,region,latitude,longitude,it_mw_2025,it_mw_planned,\
facility_mw_planned,area_km2,capex_usd_bn,status,construction_start,first_power,full_power,cooling,power_plan,\
evidence,source_id,note
campus,Campus One,cloudy,cloudy,labcorp,US,Ohio,40.1,-82.7,50,100,130,3,4,operating,2023-01-01,2024-06-01,\
2026-06-01,air,grid,page,s_news,
"""
SERIES = """series,entity,date,value,unit,evidence,source_id,note
azure_growth_yoy,cloudy,2025-12-31,-0.1,fraction,page,s_news,
"""
PARAMETERS = """name,low,central,high,unit,used_for,evidence,source_id,note,known_from
pue,1.1,1.2,1.4,ratio,facilities,page,s_press,,2025-12-31
old_pue,1.2,1.3,1.5,ratio,facilities,page,s_press,,2022-06-30
"""
BOOMS = """boom,peak_investment_share_gdp,years_up,years_down,peak_to_trough_investment,\
peak_to_trough_equity,default_share_of_debt,recovery_years,long_run_payoff,evidence,source_id,note,known_from
early,7,4,5,-80,-66,,6,a network,memory,s_news,,1852-12-31
recent,1,5,2,-70,-70,30,10,fibre,page,s_news,,2018-12-31
"""
SOURCES = """id,title,publisher,published,url,kind
s_filing,Annual report,NVIDIA,2025-11-19,https://example.com/10k,filing
s_press,Press release,Somebody,2025-12,https://example.com/pr,press_release
s_news,News page,Paper,2025,https://example.com/news,news
"""

FILES = {
    "companies.csv": COMPANIES,
    "financials.csv": FINANCIALS,
    "contracts.csv": CONTRACTS,
    "sites.csv": SITES,
    "series.csv": SERIES,
    "parameters.csv": PARAMETERS,
    "booms.csv": BOOMS,
    "sources.csv": SOURCES,
}


def write_small_world(folder: Path) -> Path:
    """Write its files into a new folder; they are the test's to change."""
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
